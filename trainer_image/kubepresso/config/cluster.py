"""Values in the notation of Kubernetes: amounts, names, labels, tolerations, lengths of time."""

from __future__ import annotations

import re
from collections.abc import Callable
from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, Tag

from kubepresso.config.base import NaturalInt, PositiveInt, Section, by_kind

_AMOUNT = re.compile(r"^([0-9]{1,15}(?:\.[0-9]{1,9})?)(m|k|M|G|T|P|E|Ki|Mi|Gi|Ti|Pi|Ei)?\Z")
_FACTORS = {"": Decimal(1), "m": Decimal("0.001")}
_FACTORS |= {unit: Decimal(1000) ** power for power, unit in enumerate("kMGTPE", 1)}
_FACTORS |= {f"{unit}i": Decimal(1024) ** power for power, unit in enumerate("KMGTPE", 1)}
_DURATION = re.compile(r"^(?:([0-9]{1,9})d)?(?:([0-9]{1,9})h)?(?:([0-9]{1,9})m)?(?:([0-9]{1,9})s)?\Z")
# RFC 1123; Kubernetes' own rules for names and labels.
_LABEL = r"[a-z0-9](?:[-a-z0-9]*[a-z0-9])?"
_DNS_NAME = re.compile(rf"^{_LABEL}(?:\.{_LABEL})*\Z")
_DNS_LABEL = re.compile(rf"^{_LABEL}\Z")
_LABEL_NAME = re.compile(r"^[A-Za-z0-9](?:[-A-Za-z0-9_.]*[A-Za-z0-9])?\Z")


def amount(text: str) -> Decimal:
    """Return the value of an amount: bytes of ``16Gi``, cores of ``500m``.

    Raises:
        ValueError: It is not one.
    """
    match = _AMOUNT.match(text)
    if match is None:
        raise ValueError(f"{text!r} is not an amount, for example 16Gi")
    return Decimal(match[1]) * _FACTORS[match[2] or ""]


def seconds(text: str) -> int:
    """Return the seconds of a length of time such as ``90m``, ``12h`` or ``1d12h``.

    Raises:
        ValueError: It is not one, or is nothing.
    """
    match = _DURATION.match(text)
    total = 0
    if match is not None:
        parts = zip(match.groups(), (86400, 3600, 60, 1), strict=True)
        total = sum(int(part) * length for part, length in parts if part)
    if total == 0:
        raise ValueError(f'must be a length of time such as "90m", "12h" or "1d12h", found "{text}"')
    return total


def _check_cpu(value: str) -> str:
    match = _AMOUNT.match(value)
    if match is None or match[2] not in (None, "m") or amount(value) < Decimal("0.001"):
        raise ValueError(f'must be a number of cores such as 8, "0.5" or "500m", found "{value}"')
    return value


def _check_memory(value: str) -> str:
    match = _AMOUNT.match(value)
    if match is None or match[2] in (None, "m") or not amount(value):
        raise ValueError(f'must be an amount of memory with its unit, such as "16Gi", found "{value}"')
    return value


def _check_duration(value: str) -> str:
    seconds(value)
    return value


def _matching(pattern: re.Pattern[str], limit: int, what: str) -> Callable[[str], str]:
    def check(value: str) -> str:
        if len(value) > limit or not pattern.match(value):
            raise ValueError(f'must be {what}, {limit} characters at most, found "{value}"')
        return value

    return check


def _check_label_key(key: str) -> None:
    prefix, slash, name = key.rpartition("/")
    if slash and (len(prefix) > 253 or not _DNS_NAME.match(prefix)):
        raise ValueError(f'"{key}" is not a label: before the slash stands a domain, found "{prefix}"')
    if len(name) > 63 or not _LABEL_NAME.match(name):
        raise ValueError(f'"{key}" is not a label: letters, digits, -, _ and ., 63 characters at most')


def _check_labels(labels: dict[str, str]) -> dict[str, str]:
    for key, value in labels.items():
        _check_label_key(key)
        if value and (len(value) > 63 or not _LABEL_NAME.match(value)):
            raise ValueError(
                f'"{value}" is not the value of a label: letters, digits, -, _ and ., 63 characters at most'
            )
    return labels


def _check_absolute(path: str) -> str:
    if not path.startswith("/") or ".." in path.split("/"):
        raise ValueError(f'must be an absolute path, such as "/data", found "{path}"')
    return path


Cpu = Annotated[
    Annotated[PositiveInt, Tag("cores")] | Annotated[str, AfterValidator(_check_cpu), Tag("amount")],
    by_kind('must be a number of cores such as 8 or "500m"', cores=(int,), amount=(str,)),
]
Memory = Annotated[str, AfterValidator(_check_memory)]
Duration = Annotated[str, AfterValidator(_check_duration)]
ObjectName = Annotated[
    str, AfterValidator(_matching(_DNS_NAME, 253, "a name of lower-case letters, digits, - and ."))
]
NamespaceName = Annotated[
    str, AfterValidator(_matching(_DNS_LABEL, 63, "a name of lower-case letters, digits and -"))
]
LabelValue = Annotated[
    str, AfterValidator(_matching(_LABEL_NAME, 63, "a name of letters, digits, -, _ and ."))
]
Labels = Annotated[dict[str, str], AfterValidator(_check_labels)]
AbsolutePath = Annotated[str, AfterValidator(_check_absolute)]


class Toleration(Section):
    """A taint of a node that pods accept."""

    key: str | None = Field(None, description="Taint; null with `Exists`: every one.")
    operator: Literal["Exists", "Equal"] = Field("Equal", description="How key and value are compared.")
    value: str | None = Field(None, description="Value of the taint, with `Equal`.")
    effect: Literal["NoSchedule", "PreferNoSchedule", "NoExecute"] | None = Field(
        None, description="Effect that is accepted; null: every one."
    )
    toleration_seconds: NaturalInt | None = Field(
        None, description="How long `NoExecute` is accepted; null: for ever."
    )

    def as_kubernetes(self) -> dict[str, Any]:
        """Return the toleration as the API writes it."""
        fields = {
            "key": self.key,
            "operator": self.operator,
            "value": self.value,
            "effect": self.effect,
            "tolerationSeconds": self.toleration_seconds,
        }
        return {key: value for key, value in fields.items() if value is not None}


class DataClaim(Section):
    """A PersistentVolumeClaim that holds prepared data sets."""

    name: ObjectName = Field(description="Name of the PersistentVolumeClaim.")
    path: AbsolutePath = Field("/data", description="Where it is mounted, for reading only.")
    dataset: str | None = Field(
        None,
        description="Folder of the prepared data set below `path`; null: `path` itself.",
    )
