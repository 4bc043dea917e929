/* The messages of `lianke/scans/subscribe`. */

export interface ScannedFile {
  name: string;
  path: string;
}

export type Destination = "folder" | "paperless" | "mail" | "script";

/* The delivery of a finished scan to one destination. `reason` is the translation key of an error. */
export interface Delivery {
  to: Destination;
  state: "sending" | "processing" | "waiting" | "done" | "failed" | "uncertain";
  reason: string | null;
  detail: string;
}

/* A scan; its `reason` is the key of a translated error. */
export interface Scan {
  scan_id: string;
  state: "scanning" | "waiting" | "finishing" | "completed" | "failed" | "canceled";
  source: "glass" | "feeder";
  pages: number;
  /* newest: number of pages that were scanned last, which Scan again scans once more; replaces: number of earlier pages
     whose place the arriving pages take. */
  newest: number;
  replaces: number;
  reason: string | null;
  detail: string;
  /* The whole error in Home Assistant's language, if its detail exists in no other language; otherwise null. */
  message?: string | null;
  is_copy: boolean;
  /* Layout of a copy. */
  sheet?: string | null;
  /* Media ids of the kept files, and where to download them. */
  files: string[];
  downloads: ScannedFile[];
  /* Addresses of the pages' pictures; a page that was changed has a new address. */
  pictures: string[];
  /* The stack that a scan in two stacks has reached, until both are joined. For "backs", `newest` is the number of
     pages that the second stack has so far. */
  stack?: "fronts" | "backs" | null;
  /* Number of blank pages left out, and the addresses of their pictures, which exist until the scan is finished. */
  left_out?: number;
  left_out_pictures?: string[];
  print_jobs: string[];
  /* The id of the request for a copy. */
  request_id?: string | null;
  deliveries: Delivery[];
}

/* A scanner that the user may control. A list is null if the scanner does not report it. */
export interface Scanner {
  device_id: string;
  name: string;
  present: boolean;
  /* State of the scanner's status sensor. */
  status: string;
  sources: string[] | null;
  colors: string[] | null;
  sizes: string[] | null;
  duplex: boolean | null;
  /* Device id of the printer that the scanner belongs to. */
  printer: string | null;
  /* Name of the script to which finished scans can be sent, such as “Paperless”. */
  hand_on: string | null;
  /* The destinations that are set up in the options of the box. */
  send_to: Destination[];
  /* The scanner's open scan, otherwise its newest scan. */
  scan: Scan | null;
}

export interface Scanners {
  scanners: Scanner[];
}
