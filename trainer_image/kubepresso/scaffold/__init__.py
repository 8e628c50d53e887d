"""A first configuration for a data set: six commented files that fit it. Imports no torch."""

from kubepresso.scaffold.project import Project, init_project

__all__ = ["Project", "init_project"]
