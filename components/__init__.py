"""The parts that Brume's pipelines are composed of."""
