/* What `lianke/scans/subscribe` sends. */

export interface ScannedFile {
  name: string;
  path: string;
}

/* A scan; its `reason` is the key of a translated error. */
export interface Scan {
  scan_id: string;
  state: "scanning" | "waiting" | "finishing" | "completed" | "failed" | "canceled";
  source: "glass" | "feeder";
  pages: number;
  /* newest: pages of the last try, which Scan again repeats; replaces: pages that the ones coming now replace. */
  newest: number;
  replaces: number;
  reason: string | null;
  detail: string;
  /* The error in Home Assistant's language, if parts of it exist in no other; else null. */
  message?: string | null;
  is_copy: boolean;
  /* Layout of a copy. */
  sheet?: string | null;
  /* Media ids of the kept files, and where to download them. */
  files: string[];
  downloads: ScannedFile[];
  /* Addresses of the pages; a changed page has another one. */
  pictures: string[];
  print_jobs: string[];
}

/* A scanner that the user may control. A list is null if the scanner does not report it. */
export interface Scanner {
  device_id: string;
  name: string;
  present: boolean;
  sources: string[] | null;
  colors: string[] | null;
  sizes: string[] | null;
  duplex: boolean | null;
  /* The device of the printer that it belongs to. */
  printer: string | null;
  /* Name of what finished scans are handed on to, such as Paperless. */
  hand_on: string | null;
  /* Its open scan, else its newest one. */
  scan: Scan | null;
}

export interface Scanners {
  scanners: Scanner[];
}
