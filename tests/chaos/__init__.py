"""Random broken connections, killed processes and full disks; a judge compares reports with the printed paper."""
