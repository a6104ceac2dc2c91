#!/usr/bin/env python3
"""
A second client for the Decentralized Chat Protocol, written from the specification and its profile alone, with nothing but Python's
standard library. It registers, logs in, joins a channel, posts a signed message, reads the history and listens.

    dcp_client.py http://127.0.0.1:8008 --say "hello from Python" --until "text to wait for"

Prints one JSON object a line: what it did and every message that it heard, with `verified` for the author's signature.
"""

import argparse
import base64
import hashlib
import json
import secrets
import string
import sys
import urllib.parse
import urllib.request
from datetime import datetime, timezone

import ed25519
from web_socket import WebSocket

LETTERS = string.ascii_lowercase + string.digits


def jcs(value):
    """RFC 8785 for what this client signs: strings, objects, arrays, booleans, null and integers."""
    if isinstance(value, dict):
        names = sorted(value, key=lambda name: name.encode("utf-16-be"))
        return "{" + ",".join(json.dumps(name, ensure_ascii=False) + ":" + jcs(value[name]) for name in names) + "}"
    if isinstance(value, list):
        return "[" + ",".join(jcs(item) for item in value) + "]"
    if isinstance(value, float):
        raise ValueError("this client does not sign fractions")
    return json.dumps(value, ensure_ascii=False)


def digest(kind, signed):
    """The specification's message_hash: SHA-256("DCP-" + TYPE + "-V1" + 0x00 + JCS(object))."""
    return hashlib.sha256(f"DCP-{kind}-V1\0{jcs(signed)}".encode()).digest()


def signed_view(message):
    """A message without what is not signed: signature, the viewer's channel name, and what nodes add."""
    view = {name: value for name, value in message.items() if name not in ("signature", "channel", "node", "function_result")}
    view["metadata"] = {k: v for k, v in message["metadata"].items() if k not in ("edited", "reactions")}
    return view


def tagged(data):
    return "ed25519:" + base64.b64encode(data).decode()


def untagged(text):
    return base64.b64decode(text.split(":", 1)[1])


def now():
    return datetime.now(timezone.utc).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def random_name(length):
    return "".join(secrets.choice(LETTERS) for _ in range(length))


class Client:
    def __init__(self, url, username):
        self.url = url.rstrip("/")
        self.endpoint = "ws" + self.url[4:]
        self.node = self.rest("GET", "/node")["node_info"]
        self.seed = secrets.token_bytes(32)
        self.public_key = tagged(ed25519.public_key(self.seed))
        # The client adds four characters to a bare wish, so that names rarely collide.
        self.username = f"{username}-{random_name(4)}"
        self.user_id = f"{self.node['id']}.{self.username}"
        self.token = None
        self.socket = None
        self.waiting = []
        self.keys = {}

    def rest(self, method, path, body=None):
        headers = {"Content-Type": "application/json"}
        if getattr(self, "token", None):
            headers["Authorization"] = f"Bearer {self.token}"
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"{self.url}/api/v1{path}", data, headers, method=method)
        with urllib.request.urlopen(request, timeout=20) as answer:
            return json.load(answer)

    def sign(self, data):
        return tagged(ed25519.sign(self.seed, data))

    def register(self, invite=None):
        identity = {
            "full_id": self.user_id,
            "home_node_id": self.node["id"],
            "username": self.username,
            "public_key": self.public_key,
            "created": now(),
        }
        file = {
            "version": "1.0",
            "identity": identity,
            "home_node": {"id": self.node["id"], "endpoint": self.endpoint},
            "account_type": "standard",
            "signature": self.sign(digest("IDENTITY", identity)),
        }
        body = {"identity_file": file}
        if invite is not None:
            body["invite"] = invite
        return self.rest("POST", "/accounts", body)

    def login(self):
        """Section 5.2 over the socket: request, challenge, proof, success."""
        self.socket = WebSocket(self.endpoint + "/ws/v1")
        info = {"name": "dcp-python", "version": "1.0.0", "capabilities": []}
        self.send({"type": "auth_challenge_request", "user_id": self.user_id, "client_info": info})
        challenge = base64.b64decode(self.next()["challenge"])
        self.check_challenge(challenge)
        proof = {"challenge": base64.b64encode(challenge).decode(), "signature": self.sign(challenge)}
        self.send({"type": "auth_proof", "public_key": self.public_key, **proof})
        success = self.next()
        if success.get("type") != "auth_success":
            raise PermissionError(success)
        self.token = success["session_token"]

    def check_challenge(self, challenge):
        """A relay that passes on another node's challenge fails here."""
        fields = challenge.split(b"\0")[:4]
        if fields != [field.encode() for field in ("DCP-AUTH-V1", self.node["id"], self.endpoint, self.user_id)]:
            raise PermissionError("the challenge was not made for this login")

    def send(self, frame):
        self.socket.send(json.dumps(frame))

    def next(self):
        text = self.socket.receive()
        if text is None:
            raise ConnectionError("the node closed the socket")
        return json.loads(text)

    def command(self, command, data):
        """Sends a command and returns the data of its ack; events that come before it are kept."""
        request = random_name(12)
        self.send({"command": command, "id": request, "data": data})
        while True:
            frame = self.next()
            if frame.get("id") != request:
                self.waiting.append(frame)
            elif frame["event"] == "error":
                raise RuntimeError(frame["error"])
            else:
                return frame["data"]

    def post(self, channel_id, text):
        message = {
            "id": "msg_" + random_name(16),
            "type": "text",
            "timestamp": now(),
            "author": self.user_id,
            "channel_id": channel_id,
            "content": {"text": text, "format": "plain"},
            "encryption": {"algorithm": "none", "key_id": "none", "nonce": ""},
            "metadata": {"client": "dcp-python/1.0.0", "edited": False, "reply_to": None},
        }
        message["signature"] = self.sign(digest("MESSAGE", signed_view(message)))
        return self.command("send_message", message)

    def events(self):
        while True:
            yield self.waiting.pop(0) if self.waiting else self.next()

    def verified(self, message):
        """True when the author's registered key signed it; None for what the node completed itself."""
        if message["metadata"].get("signed_by") == "node":
            return None
        author = message["author"]
        if author not in self.keys:
            self.keys[author] = self.rest("GET", "/users/" + urllib.parse.quote(author))["public_key"]
        return ed25519.verify(untagged(self.keys[author]), digest("MESSAGE", signed_view(message)), untagged(message["signature"]))


def say(**what):
    print(json.dumps(what, ensure_ascii=False), flush=True)


def main():
    parser = argparse.ArgumentParser(description="A small DCP client")
    parser.add_argument("url")
    parser.add_argument("--username", default="python")
    parser.add_argument("--invite")
    parser.add_argument("--channel", default="#general")
    parser.add_argument("--say", required=True, help="the text to post")
    parser.add_argument("--until", required=True, help="ends when a message with this text was heard")
    wish = parser.parse_args()
    client = Client(wish.url, wish.username)
    say(did="register", **client.register(wish.invite))
    client.login()
    joined = client.command("join_channel", {"channel": wish.channel})
    posted = client.post(joined["channel_id"], wish.say)
    say(did="post", **posted)
    history = client.command("get_history", {"channel": wish.channel, "limit": 100})
    say(did="history", texts=[m["content"].get("text") for m in history["messages"] if m["type"] == "text"])
    for frame in client.events():
        if frame.get("event") != "message":
            continue
        message = frame["data"]["message"]
        text = message["content"].get("text")
        say(did="hear", author=message["author"], text=text, verified=client.verified(message))
        if text == wish.until:
            break
    client.socket.close()


if __name__ == "__main__":
    sys.exit(main())
