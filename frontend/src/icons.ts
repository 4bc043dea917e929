/* Icons of entities that can be printed, by domain. */
import { mdiCalendar, mdiCamera, mdiClipboardListOutline, mdiImage } from "@mdi/js";

export const SOURCE_ICONS: Record<string, string> = {
  todo: mdiClipboardListOutline,
  calendar: mdiCalendar,
  camera: mdiCamera,
  image: mdiImage,
};
