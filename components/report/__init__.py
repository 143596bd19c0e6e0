"""The look of every report and chart."""
