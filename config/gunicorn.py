"""gunicorn's settings: `gunicorn -c config/gunicorn.py config.asgi:application`."""

import os
from typing import Any

from config.arenas import share_memory_between_threads
from config.first_request import bound_first_requests
from config.logs import logging_settings
from config.pieces import hand_on_whole_pieces

bind = f"{os.environ.get('HOST') or '127.0.0.1'}:{os.environ.get('PORT') or '8000'}"
worker_class = "asgi"
workers = int(os.environ.get("WEB_WORKERS") or 2)
preload_app = True  # a worker that died is replaced by a fork, within milliseconds
timeout = 60
graceful_timeout = 15
keepalive = 15
accesslog = None  # addresses of uploads carry tokens; the applications log requests themselves, redacted
control_socket_disable = True
_level = os.environ.get("LOG_LEVEL") or "INFO"
logconfig_dict = logging_settings(level=_level, debug=False)
logconfig_dict["loggers"]["gunicorn.error"] = {"level": _level, "handlers": [], "propagate": True}  # its lines in our shape too


def post_worker_init(worker):  # type: ignore[no-untyped-def] # gunicorn is untyped
    """Live streams never end by themselves: let them see when this worker is asked to stop."""
    from notifications.live.hub import stop_when
    from resilience.circuits import warm_up
    from resilience.monitor import watch_web_worker

    warm_up()
    stop_when(lambda: not worker.alive)
    worker.log._access_log_enabled = False  # it makes its line for every request, though `accesslog` keeps it from anybody's eyes
    accept_one_at_a_time(worker)
    hand_on_whole_pieces()
    share_memory_between_threads()
    bound_first_requests(worker)
    watch_web_worker()


def accept_one_at_a_time(worker: Any) -> None:
    """asyncio takes up to a hundred waiting connections in one go: of a burst, one worker would get all, and the other cores nothing."""
    create_server = worker.loop.create_server

    async def fair(*args: Any, **kwargs: Any) -> Any:
        server = await create_server(*args, **kwargs, backlog=1)
        kwargs["sock"].listen(worker.cfg.backlog)  # the kernel's queue stays long
        return server

    worker.loop.create_server = fair
