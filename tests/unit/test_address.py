"""Tests the address that a process answers HTTP at."""

import asyncio
import socket

import pytest

from shared.errors import ConfigurationError
from shared.service.address import bound_socket


async def test_answers_are_sent_at_once_and_not_when_the_last_segment_is_acknowledged() -> None:
    accepted: asyncio.Queue[int] = asyncio.Queue()

    class Protocol(asyncio.Protocol):
        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            there = transport.get_extra_info("socket")
            accepted.put_nowait(there.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))
            transport.close()

    with bound_socket("127.0.0.1", 0) as address:
        server = await asyncio.get_running_loop().create_server(Protocol, sock=address)
        async with server:
            _, writer = await asyncio.open_connection(*address.getsockname())
            assert await asyncio.wait_for(accepted.get(), 30)
            writer.close()


def test_taken_address_is_one_line_that_names_it_and_the_setting() -> None:
    with bound_socket("127.0.0.1", 0) as address:
        address.listen()
        port = address.getsockname()[1]
        said = f"cannot listen on 127.0.0.1:{port}: .*; is another process there? set OCEAN__HTTP__PORT"
        with (
            pytest.raises(ConfigurationError, match=said.replace("?", r"\?")),
            bound_socket("127.0.0.1", port),
        ):
            pass
