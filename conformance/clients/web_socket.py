"""A WebSocket client as RFC 6455 describes it: text frames, pings, the closing handshake."""

import base64
import hashlib
import os
import socket
import ssl
import struct
from urllib.parse import urlsplit

GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
TEXT, CLOSE, PING, PONG = 1, 8, 9, 10


class WebSocket:
    """One connection with the subprotocol dcp-v1. `receive` returns None after the close frame."""

    def __init__(self, url, timeout=20):
        address = urlsplit(url)
        secure = address.scheme in ("wss", "https")
        port = address.port or (443 if secure else 80)
        self._socket = socket.create_connection((address.hostname, port), timeout)
        if secure:
            self._socket = ssl.create_default_context().wrap_socket(self._socket, server_hostname=address.hostname)
        self._buffer = b""
        self._upgrade(address)

    def _upgrade(self, address):
        key = base64.b64encode(os.urandom(16)).decode()
        lines = [
            f"GET {address.path} HTTP/1.1",
            f"Host: {address.netloc}",
            "Upgrade: websocket",
            "Connection: Upgrade",
            f"Sec-WebSocket-Key: {key}",
            "Sec-WebSocket-Version: 13",
            "Sec-WebSocket-Protocol: dcp-v1",
        ]
        self._socket.sendall(("\r\n".join(lines) + "\r\n\r\n").encode())
        while b"\r\n\r\n" not in self._buffer:
            self._fill()
        head, self._buffer = self._buffer.split(b"\r\n\r\n", 1)
        status, *headers = head.decode("latin-1").split("\r\n")
        answered = {name.lower(): value.strip() for name, value in (line.split(":", 1) for line in headers)}
        accept = base64.b64encode(hashlib.sha1((key + GUID).encode()).digest()).decode()
        if " 101 " not in status or answered.get("sec-websocket-accept") != accept:
            raise ConnectionError(f"the upgrade was refused: {status}")
        if answered.get("sec-websocket-protocol") != "dcp-v1":
            raise ConnectionError("the node does not speak dcp-v1")

    def _fill(self):
        data = self._socket.recv(65536)
        if not data:
            raise ConnectionError("closed by the node")
        self._buffer += data

    def _take(self, count):
        while len(self._buffer) < count:
            self._fill()
        data, self._buffer = self._buffer[:count], self._buffer[count:]
        return data

    def _send(self, opcode, payload):
        length = len(payload)
        if length < 126:
            head = struct.pack("!BB", 0x80 | opcode, 0x80 | length)
        elif length < 65536:
            head = struct.pack("!BBH", 0x80 | opcode, 0xFE, length)
        else:
            head = struct.pack("!BBQ", 0x80 | opcode, 0xFF, length)
        mask = os.urandom(4)
        self._socket.sendall(head + mask + bytes(byte ^ mask[i % 4] for i, byte in enumerate(payload)))

    def send(self, text):
        self._send(TEXT, text.encode())

    def receive(self):
        message = b""
        while True:
            first, second = self._take(2)
            length = second & 0x7F
            if length == 126:
                (length,) = struct.unpack("!H", self._take(2))
            elif length == 127:
                (length,) = struct.unpack("!Q", self._take(8))
            payload = self._take(length)
            opcode = first & 0x0F
            if opcode == PING:
                self._send(PONG, payload)
            elif opcode == CLOSE:
                self._send(CLOSE, payload[:2])
                return None
            elif opcode != PONG:
                message += payload
                if first & 0x80:
                    return message.decode()

    def close(self):
        self._send(CLOSE, struct.pack("!H", 1000))
        self._socket.close()
