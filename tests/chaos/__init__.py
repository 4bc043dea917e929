"""Random broken connections, killed processes and full disks, and a judge who compares words with paper."""
