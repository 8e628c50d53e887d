"""What every model of a module shares: strictness, and the few types that YAML needs beside Python's own."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

from pydantic import AliasChoices, BaseModel, BeforeValidator, ConfigDict, Discriminator, Field, Strict

#: The tasks that a configuration can be for. What of them can be trained, ``trainable`` says.
Task = Literal["classification", "detection", "segmentation", "pose_estimation"]


def _describe_extras(schema: dict[str, Any], model: type[BaseModel]) -> None:
    """Add to a JSON Schema what pydantic leaves out: old spellings, and the name as a required key."""
    properties = schema.get("properties", {})
    for right, field in model.model_fields.items():
        if isinstance(field.validation_alias, AliasChoices):
            spellings = list(map(str, field.validation_alias.choices))
            if right in schema.get("required", ()):
                schema["required"].remove(right)
                schema["anyOf"] = [{"required": [spelling]} for spelling in spellings]
            for wrong in spellings[1:]:
                properties[wrong] = {
                    **properties[right],
                    "deprecated": True,
                    "description": f"Old spelling of {right}.",
                }
    for key in ("name", "criterion"):
        optional = getattr(model, "name_optional", False) or key in schema.get("required", ())
        if "const" in properties.get(key, {}) and not optional:
            schema["required"] = [key, *schema.get("required", [])]
    for value in properties.values():
        value.pop("title", None)


class Section(BaseModel):
    """A mapping in the YAML: known keys only, values keep their YAML type, nothing changes later."""

    #: Whether a mapping without a name is this one.
    name_optional: ClassVar[bool] = False

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        strict=True,
        allow_inf_nan=False,
        defer_build=True,
        json_schema_extra=_describe_extras,
    )

    @classmethod
    def type_of(cls, key: str, value: Any) -> Any:
        """Return the type of a key's value, None where there is no such key.

        Args:
            key: The key, old spellings too.
            value: The mapping that it stands in; a type may depend on other keys.
        """
        for name, field in cls.model_fields.items():
            alias = field.validation_alias
            if key == name or (isinstance(alias, AliasChoices) and key in alias.choices):
                return field.annotation
        return None


def _lower(value: Any) -> Any:
    return value.strip().lower() if isinstance(value, str) else value


def _upper(value: Any) -> Any:
    return value.strip().upper() if isinstance(value, str) else value


#: For a choice of lower-case names: case does not matter.
AnyCase = BeforeValidator(_lower)
#: The same for a choice of names in capitals.
Capitals = BeforeValidator(_upper)


def null_means(default: Any, kind: Any) -> BeforeValidator:
    """Read null as ``default``, so that whoever uses the value never meets None.

    Args:
        default: What null stands for.
        kind: The annotated type of the value, for the JSON Schema.
    """
    return BeforeValidator(
        lambda value: default if value is None else value, json_schema_input_type=kind | None
    )


def by_name(key: str = "name", default: str | None = None) -> tuple[Any, Any]:
    """Return the annotations that choose a model of a union by its name, in any case.

    Args:
        key: The key that holds the name.
        default: The name when the key is absent; None: the key is required.
    """

    def normalise(value: Any) -> Any:
        if not isinstance(value, dict):
            return value
        if key not in value:
            return {key: default, **value} if default is not None else value
        return {**value, key: _lower(value[key])}

    return Field(discriminator=key), BeforeValidator(normalise)


def by_kind(expected: str, *, allow_bool: bool = False, **kinds: tuple[type, ...]) -> Discriminator:
    """Choose the branch of a union by the kind of the value, so that an error speaks of that branch alone.

    Args:
        expected: What a value of no kind is told, for example ``must be an integer or a list [h, w]``.
        allow_bool: Whether true and false have a kind; otherwise they are no number.
        **kinds: The Python types of each branch, by its tag.
    """

    def choose(value: Any) -> str | None:
        for tag, types in kinds.items():
            if isinstance(value, types) and (allow_bool or not isinstance(value, bool)):
                return tag
        return None

    return Discriminator(choose, custom_error_type="kind", custom_error_message=expected)


# A YAML list read as a tuple; its items stay strict.
Listed = Strict(False)

Probability = Annotated[float, Field(ge=0, le=1)]
#: No integer is meant to be greater, and what computes with them need not fear for its memory.
LARGEST = 10**9
Int = Annotated[int, Field(ge=-LARGEST, le=LARGEST)]
PositiveInt = Annotated[int, Field(ge=1, le=LARGEST)]
NaturalInt = Annotated[int, Field(ge=0, le=LARGEST)]
Positive = Annotated[float, Field(gt=0)]
NonNegative = Annotated[float, Field(ge=0)]
Side = Annotated[int, Field(ge=1, le=16384)]
HeightWidth = Annotated[tuple[Side, Side], Listed]
