"""The people of the generated labelling output work as their records say, those who stand out included."""

import json
from collections import defaultdict
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from statistics import mean, median

import pytest

from brume.labels.demo import TREE, generate
from tests.components.labels.trees import answer_of, answers_of, distance, sub_of, the_one


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("people") / "small"
    return folder / TREE, generate(folder, "small")


def test_workers_who_are_too_fast_or_too_slow_are_so_everywhere(made):
    tree, truth = made
    seconds = defaultdict(lambda: defaultdict(list))
    for job, _, answer in answers_of(tree):
        if job.startswith(("vehicle-kind", "incident")):  # jobs of one label an answer
            seconds[job][sub_of(answer)].append(answer["timeSpentInSeconds"])
    (fast,), (slow,) = truth.of("too fast"), truth.of("too slow")
    assert len(seconds) == 3
    for people in seconds.values():
        usual = median(value for values in people.values() for value in values)
        assert max(people[fast.worker]) < 0.25 * usual
        assert min(people[slow.worker]) > 3 * usual


def test_idle_answers_stand_open_for_hours(made):
    tree, truth = made
    assert {fault.job for fault in truth.of("idle")} == {"vehicle-kind", "incident-notes"}
    for fault in truth.of("idle"):
        answer = answer_of(tree, fault)
        assert sub_of(answer) == fault.worker
        assert answer["timeSpentInSeconds"] > 3 * 3600
        times = [datetime.fromisoformat(answer[key]) for key in ("acceptanceTime", "submissionTime")]
        assert (times[1] - times[0]).total_seconds() > 3 * 3600


def test_the_workers_in_disagreement_are_the_ones_named(made):
    tree, truth = made
    agreement, shifts = defaultdict(list), defaultdict(list)
    items = defaultdict(dict)
    for job, item, answer in answers_of(tree):
        items[job, item][sub_of(answer)] = answer["answerContent"]
    for (job, _), contents in items.items():
        for sub, content in contents.items():
            others = [other for who, other in contents.items() if who != sub]
            if job.startswith("vehicle-kind"):
                label = content["crowd-image-classifier"]
                agreement[sub] += [label == other["crowd-image-classifier"] for other in others]
            elif job.startswith("crossings"):
                for box in content["boundingBox"]["boundingBoxes"]:
                    near = [
                        min(distance(box, one) for one in other["boundingBox"]["boundingBoxes"])
                        / box["width"]
                        for other in others
                    ]
                    shifts[sub] += near
    confuser = the_one(truth.of("disagreement"), "vans for trucks")
    often = {sub: mean(values) for sub, values in agreement.items() if len(values) >= 30}
    assert min(often, key=often.get) == confuser.worker
    assert often[confuser.worker] < 0.65 < sorted(often.values())[1]
    shifter = the_one(truth.of("disagreement"), "beside the vehicle")
    beside = {sub: median(values) for sub, values in shifts.items()}
    assert max(beside, key=beside.get) == shifter.worker
    assert beside[shifter.worker] > 5 * median(beside.values())


def test_a_worker_gives_wrong_vehicle_types_in_sequences_that_others_label_too(made):
    tree, truth = made
    mistyper = the_one(truth.of("disagreement"), "vehicle_type")
    differing = defaultdict(list)
    sequences = defaultdict(list)
    for job, item, answer in answers_of(tree):
        if job in ("ring-road", "highway"):
            (content,) = answer["answerContent"].values()
            sequences[job, item].append((sub_of(answer), content["frameData"]["entries"][0]["annotations"]))
    for answers in sequences.values():
        for sub, labels in answers:
            for label in labels:
                same = [
                    other["label-category-attributes"]["vehicle_type"]
                    == label["label-category-attributes"]["vehicle_type"]
                    for who, others in answers
                    if who != sub
                    for other in others
                    if distance(label, other) < 0.1 * label["width"]
                ]
                differing[sub] += [not one for one in same]
    shares = {sub: mean(values) for sub, values in differing.items()}
    assert max(shares, key=shares.get) == mistyper.worker
    assert shares[mistyper.worker] > 0.4


def test_an_audit_rejects_one_workers_tracks_far_more_often(made):
    tree, truth = made
    (fault,) = truth.of("audit")
    first = {}
    for job, item, answer in answers_of(tree):
        first[job, item] = sub_of(answer)
    rejected = defaultdict(list)
    changed = defaultdict(set)
    for job in (job for job in truth.jobs if job.level == "2"):
        reviewed = job.job.removesuffix("-audit")
        for path in tree.glob(f"**/{job.job}/annotations/consolidated-annotation/output/*/SeqLabel.json"):
            before = path.as_posix().replace("VideoObjectTrackingAudit", "VideoObjectTracking")
            before = before.replace("-2-", "-1-").replace(job.job, reviewed)
            worker = first[reviewed, int(path.parts[-2])]
            old, new = ({} for _ in range(2))
            for labels, file in ((old, before), (new, path)):
                for frame in json.loads(Path(file).read_bytes())["tracking-annotations"]:
                    for label in frame["annotations"]:
                        labels[frame["frame-no"], label["object-id"]] = label
            changed[worker] |= {"removed"} if old.keys() - new.keys() else set()
            changed[worker] |= {"added"} if new.keys() - old.keys() else set()
            for key, label in new.items():
                verdict = label["label-category-attributes"].pop("audit")
                rejected[worker].append(verdict == "Reject")
                if verdict == "Accept" and key in old:
                    assert label == old[key]
    shares = {worker: mean(values) for worker, values in rejected.items()}
    assert max(shares, key=shares.get) == fault.worker
    assert shares[fault.worker] > 0.35
    assert sorted(shares.values())[-2] < 0.2
    assert changed[fault.worker] == {"removed", "added"}


def test_answers_come_several_a_file_and_in_two_iterations(made):
    tree, _ = made
    sizes = defaultdict(set)
    for path in tree.rglob("annotations/worker-response/*/*/*.json"):
        if b'"answers"' in path.read_bytes()[:12]:
            try:
                sizes[path.parts[-6]].add(len(json.loads(path.read_bytes())["answers"]))
            except ValueError:
                continue
    assert {5} <= sizes["vehicle-kind"]
    assert sizes["highway"] == {3}
    assert sizes["bridge-day"] == {1}
    iterations = defaultdict(set)
    for path in tree.glob("**/vehicle-kind-late/annotations/worker-response/*/*"):
        iterations[path.name].add(path.parent.name)
    assert set().union(*iterations.values()) == {"iteration-1", "iteration-2"}
    assert [item for item, those in iterations.items() if len(those) == 2] == ["9"]


def test_nobody_works_at_two_tasks_at_once_or_on_a_sunday(made):
    tree, truth = made
    spans = defaultdict(list)
    for _, _, answer in answers_of(tree):
        spans[sub_of(answer)].append((answer["acceptanceTime"], answer["submissionTime"]))
        day = datetime.fromisoformat(answer["submissionTime"])
        assert day.weekday() < 5
        assert 7 <= day.hour < 22
    for sub, times in spans.items():
        if sub and sub not in {fault.worker for fault in truth.of("backwards")}:
            assert all(before[1] <= after[0] for before, after in pairwise(sorted(times)))
