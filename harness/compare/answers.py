"""Whether a prediction says what a resolver has answered, and what differs in the entries. Pure."""

from collections.abc import Iterable, Iterator

from harness.compare.predict import Prediction
from harness.model.lookup import Item, Request
from harness.native.record import Answer, Crashed, Outcome, TimedOut
from harness.text.errors import signal_name


def entry_differences(native: Answer, prediction: Prediction, request: Request) -> Iterator[str]:
    """What differs in the entries beside their addresses and places, one line each."""
    if prediction.errno is not None and native.errno != prediction.errno:
        yield f"errno {native.errno}, expected {prediction.errno}"
    wanted = iter(prediction.items)
    for number, info in enumerate(native.addrinfos):
        item = next(wanted, None)
        canonname = prediction.canonname if number == 0 or prediction.all_named else None
        flags = request.flags if prediction.flags is None else prediction.flags
        if info.canonname != canonname:
            has = "no canonical name"
            if info.canonname is not None:
                has = f"canonical name {info.canonname}"
            yield f"entry {number}: {has}, expected {canonname or 'none'}"
        pairs: list[tuple[str, object, object]] = [("flags", info.flags, flags)]
        if item is not None and info.address and info.target == item.target:
            pairs += [
                (name, getattr(info, name), getattr(item, name))
                for name in ("family", "socktype", "protocol", "port", "addrlen")
            ]
            pairs.append(("sa_family", info.sa_family, item.family))
        for name, seen, expected in pairs:
            if seen != expected:
                yield f"entry {number}: {name} {seen}, expected {expected}"


_FIELDS = (
    "canonical name", "flags", "family", "socktype", "protocol", "port", "addrlen", "sa_family",
    "errno",
)  # fmt: skip


def differing_fields(differences: Iterable[str]) -> list[str]:
    """The fields that lines of `entry_differences` speak of."""
    told = [line.partition(": ")[2].removeprefix("no ") or line for line in differences]
    return [one for one in _FIELDS if any(text.startswith((f"{one} ", f"{one},")) for text in told)]


def explains(native: Outcome, prediction: Prediction, request: Request) -> bool:
    """Whether the model explains an answer or a crash, those that chance decides included."""
    items, error = answered(native)
    if prediction.by_chance:
        return not isinstance(native, TimedOut)
    if isinstance(native, Crashed):
        of_a_line = bool(prediction.undefined) and error == "SIGSEGV"
        if error == "SIGABRT":
            return prediction.may_abort
        return of_a_line or error == prediction.error
    same = (items, error) == (prediction.items, prediction.error)
    same |= error is None and items in prediction.alternatives
    if not same or not isinstance(native, Answer):
        return False
    return not any(entry_differences(native, prediction, request))


def answered(native: Outcome) -> tuple[tuple[Item, ...], str | None]:
    """The addrinfos of an outcome, and its error: a signal's name for a crash."""
    if isinstance(native, Answer):
        items = (
            Item(info.target, info.socktype, info.protocol, info.port)
            for info in native.addrinfos
            if info.address
        )
        return tuple(items), native.error
    if isinstance(native, Crashed):
        return (), signal_name(native.signal)
    return (), f"no answer within {native.seconds:g} s"
