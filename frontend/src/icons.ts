/* Icons of what can be printed, by the domain of its entity. */
import { mdiCalendar, mdiCamera, mdiClipboardListOutline, mdiImage } from "@mdi/js";

export const SOURCE_ICONS: Record<string, string> = {
  todo: mdiClipboardListOutline,
  calendar: mdiCalendar,
  camera: mdiCamera,
  image: mdiImage,
};
