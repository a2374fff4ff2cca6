"""Reading and writing files safely: limits, paths, atomic writes, JSON, images, tables, caches."""
