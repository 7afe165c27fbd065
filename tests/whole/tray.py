"""A desktop with a tray and notifications, on the session bus of the environment: prints each call as a line of JSON.

    python -m tests.whole.tray

As org.kde.StatusNotifierWatcher and org.freedesktop.Notifications have it; shows nothing.
"""

from __future__ import annotations

import json

from jeepney import HeaderFields, Message, MessageType, message_bus, new_method_return
from jeepney.io.blocking import Proxy, open_dbus_connection

NAMES = ("org.kde.StatusNotifierWatcher", "org.freedesktop.Notifications")
_IS_THERE = {"IsStatusNotifierHostRegistered": ("b", True), "ProtocolVersion": ("i", 0)}


def answer(call: Message) -> Message:
    match call.header.fields[HeaderFields.member]:
        case "Get":
            return new_method_return(call, "v", (_IS_THERE.get(call.body[1], ("as", [])),))
        case "GetAll":
            return new_method_return(call, "a{sv}", (_IS_THERE,))
        case "Notify":
            return new_method_return(call, "u", (1,))
        case _:
            return new_method_return(call)


def main() -> None:
    with open_dbus_connection() as connection:
        for name in NAMES:
            Proxy(message_bus, connection).RequestName(name)
        print(json.dumps({"call": "ready"}), flush=True)
        while True:
            message = connection.receive()
            if message.header.message_type is MessageType.method_call:
                connection.send(answer(message))
                call = message.header.fields[HeaderFields.member]
                print(json.dumps({"call": call, "says": [str(each) for each in message.body]}), flush=True)


if __name__ == "__main__":
    main()
