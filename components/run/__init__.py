"""What every stage of a pipeline does around its work, and what its processes have in common."""
