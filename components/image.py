"""The one place where the image of all components, and of the training pods, is named."""

import os

from kubepresso import __version__

#: Set KUBEPRESSO_IMAGE while compiling to use a registry or a build of your own.
IMAGE = os.environ.get("KUBEPRESSO_IMAGE", f"docker.io/kubepresso/kubepresso:{__version__}")
