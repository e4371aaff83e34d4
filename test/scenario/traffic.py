# SPDX-License-Identifier: Apache-2.0
"""Steady honest traffic beside what a test does to the server: users who sign in, write and call, each in a thread."""
import threading
import time

from sip_client import Client, Closed, Silence


class Tally:
    """What the users of a test saw."""

    def __init__(self):
        self.lock = threading.Lock()
        self.done, self.failed, self.lost, self.seconds = 0, [], 0, []

    def good(self, seconds=0.0):
        with self.lock:
            self.done += 1
            self.seconds.append(seconds)

    def bad(self, why):
        with self.lock:
            self.failed.append(why)

    def broken(self):
        with self.lock:
            self.lost += 1

    @property
    def share(self):
        total = self.done + len(self.failed)
        return self.done / total if total else 0.0


class Traffic:
    """`pairs` of users exchange messages over one connection each until stop(); a lost connection is opened anew."""

    def __init__(self, server, pairs=2, pause=0.02, source=None, new_connection_each=False):
        self.server, self.pause, self.source, self.renew = server, pause, source, new_connection_each
        self.tally, self.going = Tally(), True
        self.threads = []
        for i in range(pairs):
            names = (f"load{i}a", f"load{i}b")
            for name in names:
                if name not in server.passwords:
                    server.add_user(name)
            self.threads.append(threading.Thread(target=self._pair, args=names, daemon=True))
        for thread in self.threads:
            thread.start()

    def _sign_in(self, name):
        return Client(self.server, name, source=self.source).sign_in()

    def _pair(self, one, other):
        a = b = None
        while self.going:
            try:
                a, b = a or self._sign_in(one), b or self._sign_in(other)
                start = time.monotonic()
                self._message(a, b)
                self.tally.good(time.monotonic() - start)
                if self.renew:
                    a.close()
                    a = None
                time.sleep(self.pause)
            except (Closed, ConnectionError, OSError):
                self.tally.broken()
                for c in (a, b):
                    if c:
                        c.close()
                a = b = None
                time.sleep(0.1)
            except (Silence, AssertionError) as why:
                self.tally.bad(str(why))
                for c in (a, b):
                    if c:
                        c.close()
                a = b = None
        for c in (a, b):
            if c:
                c.close()

    def _message(self, a, b):
        request = a.build("MESSAGE", b.aor, body="x", headers=[("Content-Type", "text/plain")])
        request = a.begin(request)
        b.reply(b.expect("MESSAGE", 5), 200, "OK")
        answer = a.response(request, 5)
        assert answer.status == 200, answer.start

    def stop(self):
        self.going = False
        for thread in self.threads:
            thread.join(30)
        return self.tally
