"""A local page in the browser: pairs, prompts, labeling, judges and runs of one pipeline.

The server listens on the loopback interface only, and every request needs the random token of this process. A page loads
nothing from other hosts and runs no script but `static/view.js`. Texts of models, users and data sets are untrusted: Jinja
escapes them, and Markdown is rendered without HTML, links and images.

The store is opened for each request and closed after it. Only votes are written.
"""

from rlaif.view.app import application
from rlaif.view.server import serve
from rlaif.view.subject import Subject

__all__ = ["Subject", "application", "serve"]
