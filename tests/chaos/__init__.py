"""Broken lines, killed processes and full disks at random, and a judge who sees the paper."""
