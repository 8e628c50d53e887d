"""A small Kubernetes API server over HTTP: enough of the REST API for the official client to train with.

Objects are validated with the CRDs' own schemas and rules, requests against an RBAC role. It can go away for
a while, cut its connections, and forget its history. What happens to jobs and pods, a test's script decides.
"""

import contextlib
import json
import re
import socket
import struct
import threading
import time
import uuid
from collections import defaultdict
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

from cluster_schemas import FILES, Invalid, Refused, check, load_crd

_PATH = re.compile(
    r"^/(?:api/v1|apis/(?P<group>[^/]+)/v1\w*)(?:/namespaces/(?P<namespace>[^/]+))?/(?P<plural>[a-z]+)"
    r"(?:/(?P<name>[^/]+))?(?:/(?P<sub>log))?$"
)
_KINDS = {"pods": "Pod", "events": "Event"}


class ClusterApi:
    """The server and its objects.

    Args:
        crds: The folder of the CRD files.
        serves: Keys of `cluster_schemas.FILES`.
        rules: The ``rules`` of the role that requests are checked against; None allows all.
    """

    def __init__(self, crds, serves=("2.2",), rules=None):
        self.crds = {}
        for key in serves:
            path = crds / FILES[key]
            names = load_crd(path)["spec"]["names"]
            self.crds[names["plural"]] = path
        self.rules = rules
        self.objects = defaultdict(dict)  # plural -> (namespace, name) -> object
        self.logs = defaultdict(list)  # pod uid -> [(time, text)]
        self.previous = {}  # pod uid -> the log of the container's former run
        self.history = []  # (version, plural, type, object)
        self.requests = []  # (verb, plural)
        self.queries = []  # (plural, query) of lists and watches
        self.posted, self.deleted = [], []
        self.version, self.forgotten = 100, 0
        self.away_until, self.cuts = 0.0, 0
        self.denied = None  # the message of a 403 for the next creations
        self.fault = None  # called with verb and resource: the (status, headers) to refuse with, or None
        self.creation_seconds = 0.0  # how long a creation takes, whether or not its client waits for it
        self.stays = False  # what is deleted in the foreground does not go
        self.token = None  # the only one that is taken
        self.on_job = None
        self.changed = threading.Condition()
        self.stopping = False
        handler = type("Handler", (_Handler,), {"api": self})
        self.server = _Server(("127.0.0.1", 0), handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()

    def close(self):
        with self.changed:
            self.stopping = True
            self.changed.notify_all()
        self.server.shutdown()
        self.server.server_close()

    # What a test does to the cluster.

    def go_away(self, seconds):
        """Reset every connection, present and new, for a time."""
        with self.changed:
            self.away_until, self.cuts = time.monotonic() + seconds, self.cuts + 1
            self.changed.notify_all()

    def cut(self):
        """Reset the connections that are open."""
        self.go_away(0)

    def forget(self):
        """Expire all resource versions so far: a watch from one of them is answered with 410."""
        with self.changed:
            self.version += 1
            self.forgotten = self.version
            self.cuts += 1
            self.changed.notify_all()

    def put(self, plural, content, kind="MODIFIED"):
        """Write an object as the cluster itself does."""
        with self.changed:
            self.version += 1
            content = json.loads(json.dumps(content))
            metadata = content["metadata"]
            metadata.setdefault("namespace", "training")
            metadata.setdefault("uid", str(uuid.uuid4()))
            metadata.setdefault("creationTimestamp", now()[:19] + "Z")
            metadata["resourceVersion"] = str(self.version)
            key = (metadata["namespace"], metadata["name"])
            self.objects[plural][key] = content
            self.history.append((self.version, plural, kind, content))
            self.changed.notify_all()
            return content

    def get(self, plural, name, namespace="training"):
        with self.changed:
            return json.loads(json.dumps(self.objects[plural][namespace, name]))

    def alive(self, plural, content):
        """Say whether this very object is still there."""
        with self.changed:
            metadata = content["metadata"]
            there = self.objects[plural].get((metadata["namespace"], metadata["name"]))
            return there is not None and there["metadata"]["uid"] == metadata["uid"]

    def log(self, pod, *lines):
        with self.changed:
            self.logs[pod["metadata"]["uid"]] += [(now(), line) for line in lines]
            self.changed.notify_all()

    def delete(self, plural, content, policy):
        """Delete as a user does: in the foreground an object stays until its pods are gone."""
        namespace, name = content["metadata"]["namespace"], content["metadata"]["name"]
        if "deletionTimestamp" in content["metadata"]:
            return
        self.deleted.append(name)
        if policy == "Foreground":
            self.put(plural, {**content, "metadata": {**content["metadata"], "deletionTimestamp": now()}})
            if not self.stays:
                threading.Timer(0.3, self.remove, (plural, namespace, name)).start()
        else:
            self.remove(plural, namespace, name)

    def remove(self, plural, namespace, name):
        with self.changed:
            content = self.objects[plural].pop((namespace, name))
            self.version += 1
            content["metadata"]["resourceVersion"] = str(self.version)
            self.history.append((self.version, plural, "DELETED", content))
            if plural in self.crds:
                owned = [pod for pod in self.objects["pods"].values() if _belongs(pod, name)]
                for pod in owned:
                    self.remove("pods", namespace, pod["metadata"]["name"])
            self.changed.notify_all()

    def create(self, plural, body):
        if self.denied:
            raise Refused(self.denied)
        check(self.crds[plural], body)
        self.check_runtime(body)
        key = (body["metadata"]["namespace"], body["metadata"]["name"])
        with self.changed:
            if key in self.objects[plural]:
                return None
            made = self.put(plural, {**body, "status": {}}, "ADDED")
            self.posted.append(made)
        if self.on_job:
            threading.Thread(target=self.on_job, args=(self, made), daemon=True).start()
        return made

    def check_runtime(self, body):
        """Do as the webhook of Kubeflow Trainer."""
        if reference := body["spec"].get("runtimeRef"):
            plural, of_namespace = f"{reference['kind'].lower()}s", reference["kind"] == "TrainingRuntime"
            namespace = body["metadata"]["namespace"] if of_namespace else ""
            if (namespace, reference["name"]) not in self.objects[plural]:
                kind = reference["kind"][0].lower() + reference["kind"][1:]
                raise Refused(
                    'admission webhook "validator.trainjob.trainer.kubeflow.org" denied the request: '
                    f"spec.runtimeRef: specified {kind} must be created before the TrainJob is created"
                )


def now():
    """The time as a kubelet writes it: nanoseconds, zeros at the end left out."""
    nanoseconds = time.time_ns()
    moment = datetime.fromtimestamp(nanoseconds // 10**9, UTC).strftime("%Y-%m-%dT%H:%M:%S")
    return f"{moment}.{nanoseconds % 10**9:09d}".rstrip("0") + "Z"


def merged(old, patch):
    """Apply a JSON merge patch (RFC 7396)."""
    if not (isinstance(old, dict) and isinstance(patch, dict)):
        return patch
    whole = {**old, **{key: merged(old.get(key), value) for key, value in patch.items()}}
    return {key: value for key, value in whole.items() if value is not None}


def _belongs(pod, name):
    return name in (pod["metadata"].get("labels") or {}).values()


def _matches(content, query):
    metadata = content["metadata"]
    for part in filter(None, query.get("labelSelector", "").split(",")):
        key, _, value = part.partition("=")
        if (metadata.get("labels") or {}).get(key) != value:
            return False
    fields = {"metadata.name": metadata["name"], "reason": content.get("reason", "")}
    for part in filter(None, query.get("fieldSelector", "").split(",")):
        key, operator, value = re.fullmatch(r"([\w.]+)(!?=)(.*)", part).groups()
        if (fields[key] == value) != (operator == "="):
            return False
    return True


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def handle_error(self, request, client_address):
        pass  # a client that left


class _Away(Exception):
    pass


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def log_message(self, *_):
        pass

    def do_GET(self):
        self.answer("get")

    def do_POST(self):
        self.answer("create")

    def do_PATCH(self):
        self.answer("patch")

    def do_DELETE(self):
        self.answer("delete")

    def answer(self, verb):
        self.cuts = self.api.cuts
        length = int(self.headers.get("Content-Length") or 0)
        self.body = json.loads(self.rfile.read(length)) if length else None
        parts = urlsplit(self.path)
        self.query = {key: values[0] for key, values in parse_qs(parts.query).items()}
        try:
            self.check_away()
            if self.api.token and self.headers.get("authorization") != f"Bearer {self.api.token}":
                self.fail(401, "Unauthorized")
            elif not self.discover(parts.path):
                self.route(verb, _PATH.match(parts.path))
        except _Away:
            # With a linger time of zero the kernel sends a reset.
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.close_connection = True
            with contextlib.suppress(OSError):
                self.connection.close()

    def check_away(self):
        if time.monotonic() < self.api.away_until or self.api.cuts != self.cuts:
            raise _Away

    def discover(self, path):
        for plural, file in self.api.crds.items():
            spec = load_crd(file)["spec"]
            version = spec["versions"][0]
            root = f"/apis/{spec['group']}/{version['name']}"
            if path == root:
                crds = [key for key, other in self.api.crds.items() if group_of(other) == spec["group"]]
                self.send(200, {"kind": "APIResourceList", "resources": [{"name": key} for key in crds]})
                return True
            if path == f"/openapi/v3{root}":
                kind = {"group": spec["group"], "kind": spec["names"]["kind"], "version": version["name"]}
                schema = {**version["schema"]["openAPIV3Schema"], "x-kubernetes-group-version-kind": [kind]}
                self.send(200, {"components": {"schemas": {f"x.{plural}": schema}}})
                return True
        return False

    def route(self, verb, match):
        if match is None:
            return self.fail(404, "the server could not find the requested resource")
        plural, name, namespace = match["plural"], match["name"], match["namespace"] or ""
        if verb == "get" and not name:
            verb = "watch" if self.query.get("watch") == "true" else "list"
        resource = f"{plural}/{match['sub']}" if match["sub"] else plural
        self.api.requests.append((verb, resource))
        if verb in ("list", "watch"):
            self.api.queries.append((plural, self.query))
        if self.api.fault and (fault := self.api.fault(verb, resource)):
            return self.send(fault[0], {"kind": "Status", "message": "as the test wants"}, **fault[1])
        if not self.allowed(verb, match["group"] or "", resource):
            text = f'{resource} is forbidden: User "steps" cannot {verb} resource "{resource}"'
            return self.fail(403, text)
        if match["sub"]:
            return self.stream_log(namespace, name)
        return getattr(self, f"do_{verb}")(plural, namespace, name)

    def allowed(self, verb, group, resource):
        return self.api.rules is None or any(
            group in rule["apiGroups"] and resource in rule["resources"] and verb in rule["verbs"]
            for rule in self.api.rules
        )

    def do_get(self, plural, namespace, name):
        with self.api.changed:
            found = self.api.objects[plural].get((namespace, name))
        return self.send(200, found) if found else self.fail(404, f'{plural} "{name}" not found')

    def do_list(self, plural, namespace, _):
        with self.api.changed:
            items = [
                content
                for (place, _), content in self.api.objects[plural].items()
                if place == namespace and _matches(content, self.query)
            ]
            version = str(self.api.version)
        self.send(200, {"kind": "List", "metadata": {"resourceVersion": version}, "items": items})

    def do_create(self, plural, namespace, _):
        self.body["metadata"]["namespace"] = namespace
        time.sleep(self.api.creation_seconds)
        try:
            made = self.api.create(plural, self.body)
        except Refused as error:
            return self.fail(422 if isinstance(error, Invalid) else 403, str(error))
        if made is None:
            return self.fail(409, f"{plural} already exists", "AlreadyExists")
        return self.send(201, made)

    def do_patch(self, plural, namespace, name):
        with self.api.changed:
            old = self.api.get(plural, name, namespace)
            content = merged(old, self.body)
            try:
                check(self.api.crds[plural], content, old)
            except Invalid as error:
                return self.fail(422, str(error))
            return self.send(200, self.api.put(plural, content))

    def do_delete(self, plural, namespace, name):
        with self.api.changed:
            found = self.api.objects[plural].get((namespace, name))
            wanted = ((self.body or {}).get("preconditions") or {}).get("uid")
            if found is None:
                return self.fail(404, f'{plural} "{name}" not found')
            if wanted and found["metadata"]["uid"] != wanted:
                return self.fail(409, "the UID in the precondition does not match")
            self.api.delete(plural, found, self.body["propagationPolicy"])
        return self.send(200, {"kind": "Status", "status": "Success"})

    def do_watch(self, plural, namespace, _):
        version = int(self.query["resourceVersion"])
        if version < self.api.forgotten:
            return self.fail(410, "too old resource version", "Expired")
        end = time.monotonic() + int(self.query.get("timeoutSeconds", 60))
        self.begin_stream()
        while time.monotonic() < end and not self.api.stopping:
            with self.api.changed:
                self.check_away()
                news = [
                    (kind, content)
                    for at, where, kind, content in self.api.history
                    if at > version
                    and where == plural
                    and content["metadata"]["namespace"] == namespace
                    and _matches(content, self.query)
                ]
                version = self.api.version
                if not news:
                    self.api.changed.wait(0.2)
            for kind, content in news:
                self.chunk(json.dumps({"type": kind, "object": content}) + "\n")
        self.chunk(json.dumps(_bookmark(version)) + "\n")
        return self.end_stream()

    def stream_log(self, namespace, name):
        with self.api.changed:
            pod = self.api.objects["pods"].get((namespace, name))
        if pod is None:
            return self.fail(404, f'pods "{name}" not found')
        uid, sent = pod["metadata"]["uid"], 0
        since = self.query.get("sinceTime", "")
        self.begin_stream()
        while not self.api.stopping:
            with self.api.changed:
                self.check_away()
                former = self.query.get("previous") == "true"
                lines = self.api.previous.get(uid, []) if former else self.api.logs[uid]
                fresh, sent = lines[sent:], len(lines)
                over = former or self.is_over(namespace, name, uid)
                if not fresh and not over:
                    self.api.changed.wait(0.2)
            for moment, text in fresh:
                if moment[:19] >= since[:19]:
                    self.chunk(f"{moment} {text}\n")
            if over and not fresh:
                break
        return self.end_stream()

    def is_over(self, namespace, name, uid):
        pod = self.api.objects["pods"].get((namespace, name))
        if pod is None or pod["metadata"]["uid"] != uid:
            return True
        statuses = pod["status"].get("containerStatuses", [])
        return self.query.get("follow") != "true" or all("terminated" in s["state"] for s in statuses)

    def begin_stream(self):
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()

    def chunk(self, text):
        data = text.encode()
        self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))
        self.wfile.flush()

    def end_stream(self):
        self.wfile.write(b"0\r\n\r\n")

    def fail(self, code, message, reason=""):
        self.send(code, {"kind": "Status", "code": code, "message": message, "reason": reason})

    def send(self, code, content, **headers):
        data = json.dumps(content).encode()
        self.send_response(code)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)


def _bookmark(version):
    return {"type": "BOOKMARK", "object": {"metadata": {"resourceVersion": str(version)}}}


def group_of(file):
    return load_crd(file)["spec"]["group"]
