"""Approvals by notification: approvers are told of jobs that wait, askers of the answers."""

from .notifications import async_setup, async_tell_dropped, async_watch

__all__ = ["async_setup", "async_tell_dropped", "async_watch"]
