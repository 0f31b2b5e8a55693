"""A net in which no layer works in place, so that every layer's output has a name and can be compared."""

from google.protobuf.message import Message


def with_own_tops(net: Message) -> Message:
    """A copy of a net whose in-place layers write a blob of their own, called as the layer is."""
    copy = type(net)()
    copy.CopyFrom(net)
    now: dict[str, str] = {}  # what a blob of the prototxt is called at this point of the net
    for layer in copy.layer:
        in_place = set(layer.bottom) & set(layer.top)
        bottoms = [now.get(name, name) for name in layer.bottom]
        for name in layer.top:
            now[name] = layer.name if name in in_place else name
        tops = [now[name] for name in layer.top]
        del layer.bottom[:], layer.top[:]
        layer.bottom.extend(bottoms)
        layer.top.extend(tops)
    return copy


def outputs(net: Message) -> list[str]:
    """Blobs that no layer takes."""
    taken = {name for layer in net.layer for name in layer.bottom}
    return [name for layer in net.layer for name in layer.top if name not in taken]
