"""KFP pipelines, their compiled packages and schedules."""
