"""The cluster's objects: valid, nothing misspelt, numbers like those of image and server."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml  # type: ignore[import-untyped]  # stubs are not among the tools

from serving import __version__
from serving.counts.sheet import Layout
from serving.settings import Settings, read
from tests.deploy import custom
from tests.required import installed, lacking

ROOT = Path(__file__).parents[2]
DEPLOY, SCHEMAS = ROOT / "deploy", Path(__file__).parent / "schemas"
DEFINITIONS = ROOT.parent / "shared/crds"  # of those who have them: megabytes
VERSIONS = ("1.30", "1.37")  # of Kubernetes, the oldest and the newest
BASE = [DEPLOY / "kubernetes/base" / f"{one}.yaml"
        for one in ("deployment", "disruption", "network", "service")]  # fmt: skip
NATIVE = [*BASE, DEPLOY / "kubernetes/monitoring/autoscaling.yaml"]
CUSTOM = {
    "kserve/runtime.yaml": ("serving.kserve.io_servingruntimes.yaml", "v1alpha1"),
    "kserve/service.yaml": ("serving.kserve.io_inferenceservices.yaml", "v1beta1"),
    "kubeflow/train.yaml": ("trainer.kubeflow.org_trainjobs.yaml", "v1alpha1"),
}
DOCKERFILE = (DEPLOY / "serving.Dockerfile").read_text()
FIRST_DOWNLOAD_S = 120  # serving.models.mirror waits so long for a registry
SPREAD_S = 5  # until the proxies of all nodes have heard that a pod is not ready


def load(path: Path) -> Any:  # noqa: ANN401 -- YAML
    return yaml.safe_load(path.read_text())


def validated(path: Path, version: str) -> subprocess.CompletedProcess[str]:
    """Let kubernetes-validate judge; a kind that it does not know is no pass."""
    command = [sys.executable, "-m", "kubernetes_validate", "--strict", "-k", version]
    return subprocess.run([*command, str(path)], capture_output=True, text=True, check=False)


def rendered(overlay: str) -> list[Any]:
    program = installed("kubectl", required_by="REQUIRE_KUBECTL")
    folder = DEPLOY / "kubernetes" / overlay
    done = subprocess.run(
        [program, "kustomize", str(folder)], capture_output=True, text=True, check=True
    )
    return list(yaml.safe_load_all(done.stdout))


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("path", NATIVE, ids=lambda path: path.stem)
def test_an_object_is_valid(path: Path, version: str) -> None:
    """Every field is one that this version of Kubernetes knows, with a value it takes."""
    done = validated(path, version)
    assert done.returncode == 0, done.stdout
    assert "passed for resource" in done.stdout


def test_a_misspelt_field_is_refused(tmp_path: Path) -> None:
    """The validation has teeth."""
    planted = tmp_path / "deployment.yaml"
    planted.write_text(BASE[0].read_text().replace("readOnlyRootFilesystem", "readOnlyRootFilesys"))
    done = validated(planted, VERSIONS[-1])
    assert done.returncode == 1
    assert "'readOnlyRootFilesys' was unexpected" in done.stdout


@pytest.mark.parametrize("overlay", ["base", "monitoring"])
def test_an_overlay_renders_to_valid_objects(overlay: str, tmp_path: Path) -> None:
    """By the kustomize in kubectl: the image has its version, the settings their ConfigMap."""
    objects = rendered(overlay)
    for number, one in enumerate(objects):
        path = tmp_path / f"{number}.yaml"
        path.write_text(yaml.safe_dump(one))
        done = validated(path, VERSIONS[-1])
        assert "passed for resource" in done.stdout, done.stdout
    by_kind = {one["kind"]: one for one in objects}
    spec = by_kind["Deployment"]["spec"]
    (container,) = spec["template"]["spec"]["containers"]
    assert container["image"] == f"convnet-serving:{__version__}"
    assert (
        container["envFrom"][0]["configMapRef"]["name"] == by_kind["ConfigMap"]["metadata"]["name"]
    )
    assert ("replicas" in spec) == ("HorizontalPodAutoscaler" not in by_kind)


def test_selectors_find_the_pods() -> None:
    """Service, budget, network policy, spread and scaling mean this Deployment."""
    deployment, disruption, network, service = map(load, BASE)
    template = deployment["spec"]["template"]
    labels = template["metadata"]["labels"]
    assert deployment["spec"]["selector"]["matchLabels"] == labels
    assert disruption["spec"]["selector"]["matchLabels"] == labels
    assert network["spec"]["podSelector"]["matchLabels"] == labels
    assert service["spec"]["selector"] == labels
    for constraint in template["spec"]["topologySpreadConstraints"]:
        assert constraint["labelSelector"]["matchLabels"] == labels
    scaled = load(NATIVE[-1])["spec"]["scaleTargetRef"]
    assert (scaled["kind"], scaled["name"]) == ("Deployment", deployment["metadata"]["name"])


def settings_of_the_cluster() -> Settings:
    """What the server makes of the image's environment and the ConfigMap's."""
    image = dict(re.findall(r"^ +(SERVING_\w+)=(\S+)", DOCKERFILE, re.MULTILINE))
    lines = (DEPLOY / "kubernetes/base/serving.env").read_text().splitlines()
    environment = image | dict(line.split("=", 1) for line in lines)
    known = {f"SERVING_{name.upper()}" for name in Settings.__dataclass_fields__}
    assert {name for name in environment if name.startswith("SERVING_")} <= known
    return read([], environment)


def test_the_numbers_hold_together() -> None:
    """Port, user, probes, drain and grace: of manifest, image and server."""
    settings = settings_of_the_cluster()
    pod = load(BASE[0])["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    (port,) = container["ports"]
    assert port == {"name": "http", "containerPort": settings.port}
    assert f"EXPOSE {settings.port}" in DOCKERFILE
    user = pod["securityContext"]
    assert f"USER {user['runAsUser']}:{user['runAsGroup']}" in DOCKERFILE
    assert user["fsGroup"] == user["runAsGroup"]
    assert settings.host == "0.0.0.0"  # noqa: S104 -- a pod's port is reached from outside
    last_answers_s = 2 * (settings.deadline + 1)  # of requests, then of runs: serving.server._end
    assert pod["terminationGracePeriodSeconds"] > settings.drain + last_answers_s
    probes = {name: container[f"{name}Probe"] for name in ("startup", "readiness", "liveness")}
    judged_s = {k: one["periodSeconds"] * one["failureThreshold"] for k, one in probes.items()}
    assert judged_s["startup"] > FIRST_DOWNLOAD_S
    assert settings.drain >= judged_s["readiness"] + SPREAD_S
    assert judged_s["liveness"] > settings.heartbeat
    for probe in probes.values():
        assert probe["httpGet"]["port"] == port["name"]
        assert probe["httpGet"]["path"] in {"/v2/health/live", "/v2/health/ready"}


def test_the_cluster_scales_by_a_metric_that_exists() -> None:
    """A gauge of seconds of waiting work, also in the adapter's rule."""
    (metric,) = load(NATIVE[-1])["spec"]["metrics"]
    name = metric["pods"]["metric"]["name"]
    assert Layout().families[name.removeprefix("serving_")].kind == "gauge"
    (rule,) = load(DEPLOY / "kubernetes/monitoring/adapter.yaml")
    assert rule["seriesQuery"].startswith(f"{name}{{")


@pytest.mark.parametrize("path", CUSTOM)
def test_a_custom_object_is_valid(path: str) -> None:
    """Against the definition cut down to its fields; a misspelt field is refused."""
    value = load(DEPLOY / path)
    schema = json.loads((SCHEMAS / f"{value['kind']}.json").read_text())
    assert custom.complaints(schema, value) == []
    misspelt = value | {"spec": value["spec"] | {"specifics": 1}}
    assert "'specifics' was unexpected" in " ".join(custom.complaints(schema, misspelt))


@pytest.mark.parametrize("path", CUSTOM)
def test_a_custom_object_fits_its_whole_definition(path: str) -> None:
    """And what lies here is cut from that; WRITE_SCHEMAS=1 writes it anew."""
    name, version = CUSTOM[path]
    if not (DEFINITIONS / name).exists():
        lacking(f"the definition {name} is not beside this checkout", required_by="REQUIRE_CRDS")
    value, whole = load(DEPLOY / path), custom.definition(DEFINITIONS / name, version)
    assert custom.complaints(custom.strict(whole), value) == []
    kept = SCHEMAS / f"{value['kind']}.json"
    text = json.dumps(custom.cut(whole, value), indent=1, sort_keys=True) + "\n"
    if os.environ.get("WRITE_SCHEMAS"):
        kept.write_text(text)
    assert kept.read_text() == text


def test_kserves_server_gets_settings_that_it_knows() -> None:
    """Its port is the one that KServe asks, and its image this version's."""
    (container,) = load(DEPLOY / "kserve/runtime.yaml")["spec"]["containers"]
    settings = read([one.replace("{{.Name}}", "digits") for one in container["args"]], {})
    assert settings.model == "/mnt/models"  # where KServe's initializer puts the one model
    assert settings.name == "digits"  # KServe's callers ask for the service's name
    assert [one["containerPort"] for one in container["ports"]] == [settings.port]
    assert f"USER {container['securityContext']['runAsUser']}:" in DOCKERFILE
    assert container["image"] == f"convnet-serving:{__version__}"
    for probe in ("readinessProbe", "livenessProbe"):
        assert container[probe]["httpGet"]["port"] == settings.port
