"""Vecgate: a data-path security gateway for vector databases.

Envoy carries the traffic; this package is the service that Envoy asks about each request and each answer. Imports go one
way, from the top of this list to its foot (``import-linter`` keeps it):

    __main__                       the command line; composes everything below
    demo                           the main job on embedded parts, told as a story
    up, check                      run everything in the foreground; validate everything
    bootstrap, worker              Envoy's configuration from ours; the parts of one worker process, put together
    config | server                one YAML file, strictly; the gRPC edge
    codec | stream | pipeline      protobuf to events; lawful order; the five steps of one exchange
    protocols | identity | engines | obligations | upstream | audit
    decision > operation > events > errors | secret

ARCHITECTURE.md follows one request through these files.
"""

__version__ = "0.1.0"
