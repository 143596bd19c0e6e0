"""The folders `components/` and `pipelines/` are installed as the package `brume`."""

from setuptools import find_namespace_packages, setup

FOLDERS = {"brume": "components", "brume.pipelines": "pipelines"}
packages = list(FOLDERS)
for root, folder in FOLDERS.items():
    packages += [f"{root}.{name}" for name in find_namespace_packages(folder, exclude=["*__pycache__*"])]

setup(packages=packages, package_dir=FOLDERS)
