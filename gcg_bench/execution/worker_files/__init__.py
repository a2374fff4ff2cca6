"""Files that users copy: the helper of workers in other environments, and an example."""
