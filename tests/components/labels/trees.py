"""Looking into a generated labelling output from the outside, for the tests of what is planted in it."""

import json


def centre(label):
    return label["left"] + label["width"] / 2, label["top"] + label["height"] / 2


def distance(one, other):
    return sum((a - b) ** 2 for a, b in zip(centre(one), centre(other), strict=True)) ** 0.5


def answers_of(tree, job=None):
    """Yield job, item and answer of every readable worker response."""
    for path in sorted(tree.rglob("annotations/worker-response/*/*/*.json")):
        name = path.parts[-6]
        if job is None or name == job:
            try:
                record = json.loads(path.read_bytes())
            except ValueError:
                continue
            for answer in record["answers"]:
                yield name, int(path.parts[-2]), answer


def sub_of(answer):
    return answer.get("workerMetadata", {}).get("identityData", {}).get("sub")


def the_one(faults, detail):
    (found,) = [fault for fault in faults if detail in fault.detail]
    return found


def answer_of(tree, fault):
    return json.loads((tree / fault.file).read_bytes())["answers"][fault.answer]
