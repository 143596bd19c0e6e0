"""Visual inspection: the stages of the pipeline, its parameters, report and commands."""
