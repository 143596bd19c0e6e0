"""The files of a training, by which the engine and the training program communicate."""

REQUEST = "request.json"  # written by the engine: what to train on
PROGRESS = "progress.json"  # replaced by the program while it works
BUNDLE = "bundle"  # the folder of the trained model
RESULT = "result.json"  # written by the program at its end
