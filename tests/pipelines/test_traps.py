"""What kfp's local runner gets silently wrong, and that none of our pipelines meets it.

Where it is quick, a run of kfp itself shows the trap, so that a test fails when a new version is free of it;
then every compiled pipeline is searched for the form that triggers it.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from kfp import dsl, local
from kfp.compiler import Compiler

from brume.pipelines.running import catalog

step = dsl.component(base_image="python", packages_to_install=[], install_kfp_package=False)


@step
def double(numbers: list[int]) -> list[str]:
    return [repr(number) for number in numbers]


@step
def echo(word: str) -> str:
    return word


def pipelines() -> list[str]:
    return sorted(catalog.names())


@pytest.fixture(scope="module", params=pipelines())
def spec(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Any:
    path = tmp_path_factory.mktemp("compiled") / "pipeline.yaml"
    Compiler().compile(catalog.load(request.param).component, str(path))
    return next(yaml.safe_load_all(path.read_text()))


def dags(spec: Any) -> Iterator[Any]:
    yield spec["root"]["dag"]
    for component in spec["components"].values():
        if "dag" in component:
            yield component["dag"]


def tasks(spec: Any) -> Iterator[tuple[str, Any]]:
    for dag in dags(spec):
        yield from dag["tasks"].items()


@pytest.fixture
def runner(tmp_path: Path) -> None:
    local.init(local.SubprocessRunner(use_venv=False), pipeline_root=str(tmp_path))


def test_kfp_turns_whole_numbers_in_lists_into_floats(runner: None) -> None:
    assert double(numbers=[1, 2]).output == ["1.0", "2.0"]


def test_no_step_takes_numbers_in_a_list_or_a_dict(spec: Any) -> None:
    structured = {
        (component, name)
        for component, content in spec["components"].items()
        if "executorLabel" in content
        for name, parameter in content.get("inputDefinitions", {}).get("parameters", {}).items()
        if parameter["parameterType"] in ("LIST", "STRUCT")
    }
    # `groups` holds URIs. `tolerations` may hold a whole number, which `Resources` makes whole again.
    assert structured <= {("comp-make-shards", "groups"), ("comp-train-model", "tolerations")}


def test_no_pipeline_has_a_condition(spec: Any) -> None:
    """Conditions are evaluated as text: wrong with an apostrophe, and with an item of an upstream loop."""
    assert not [name for name, task in tasks(spec) if task.get("triggerPolicy", {}).get("condition")]


def test_no_pipeline_imports_an_artifact(spec: Any) -> None:
    """An importer does not fetch file:// or s3:// locally; our own storage layer reads URIs."""
    assert not [name for name, e in spec["deploymentSpec"]["executors"].items() if "importer" in e]


def test_loops_go_over_an_only_return_value(spec: Any) -> None:
    """The local runner finds what a loop iterates over only when it is an output called Output."""
    loops = [task["parameterIterator"]["items"] for _, task in tasks(spec) if "parameterIterator" in task]
    assert all(items["inputParameter"].endswith("-Output") for items in loops)


def test_loops_take_no_value_of_another_step_but_their_item(spec: Any) -> None:
    """In a loop, the local runner replaces any other step's return value by the loop's item."""
    steps = [name.removeprefix("comp-") for name in spec["components"]]
    for name in spec["components"]:
        if name.startswith("comp-for-loop"):
            (loop,) = (task for n, task in tasks(spec) if task["componentRef"]["name"] == name)
            for channel in loop["inputs"]["parameters"]:
                of_a_step = any(channel.startswith(f"pipelinechannel--{step}-") for step in steps)
                assert not of_a_step or channel == loop["parameterIterator"]["items"]["inputParameter"]


def test_loops_are_not_in_an_exit_handler(spec: Any) -> None:
    for name, component in spec["components"].items():
        if name.startswith("comp-exit-handler"):
            assert not [task for task in component["dag"]["tasks"].values() if "parameterIterator" in task]


def test_exit_tasks_take_the_final_status(spec: Any) -> None:
    """Without that input the local runner takes an exit task for an ordinary one, and skips it on failure."""
    exits = [
        task
        for _, task in tasks(spec)
        if task.get("triggerPolicy", {}).get("strategy") == "ALL_UPSTREAM_TASKS_COMPLETED"
    ]
    handlers = [name for name in spec["components"] if name.startswith("comp-exit-handler")]
    assert len(exits) == len(handlers)
    for task in exits:
        assert any("taskFinalStatus" in value for value in task["inputs"]["parameters"].values())


def test_every_parameter_has_a_default_or_is_required(spec: Any) -> None:
    """An optional parameter without a default cannot be passed on locally."""
    for name, parameter in spec["root"]["inputDefinitions"]["parameters"].items():
        assert not parameter.get("isOptional") or "defaultValue" in parameter, name


def test_all_steps_are_lightweight_and_install_nothing(spec: Any) -> None:
    """Container components do not run locally, and an install would need a network in every pod."""
    for executor in spec["deploymentSpec"]["executors"].values():
        words = " ".join(executor["container"]["command"] + executor["container"]["args"])
        assert "kfp.dsl.executor_main" in words
        assert "pip install" not in words


def test_an_apostrophe_in_a_parameter_arrives(runner: None) -> None:
    assert echo(word="O'Brien's \"slides\"").output == "O'Brien's \"slides\""


def test_a_placeholder_is_the_whole_value(spec: Any) -> None:
    """The driver of Kubeflow Pipelines 2.17 fills one in only where it is a parameter's whole value."""
    strings = [value for _, task in tasks(spec) for value in constants(task)]
    held = [value for value in strings if "{{" in value]
    assert all(re.fullmatch(r"\{\{\$\.\w+\}\}", value) for value in held), held


def constants(task: Any) -> Iterator[str]:
    for given in task.get("inputs", {}).get("parameters", {}).values():
        value = given.get("runtimeValue", {}).get("constant")
        if isinstance(value, str):
            yield value
