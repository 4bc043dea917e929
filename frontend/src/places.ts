/* Tells printers with the same name apart. */
import { isPrinterEntity } from "./config";
import type { HassDeviceRegistryEntry, HomeAssistant } from "./types";

export const nameOf = (device: HassDeviceRegistryEntry | undefined) => device?.name_by_user || device?.name || "";

export const printerIds = ({ entities }: HomeAssistant) =>
  new Set(
    Object.values(entities)
      .filter(isPrinterEntity)
      .map((entity) => entity.device_id),
  );

/* Returns what tells a printer apart from others with the same name: its area, or the name of its box if the area does
   not tell it apart. Empty if no other printer has the name, or if neither tells it apart. */
export const placeOf = (hass: HomeAssistant, id: string): string => {
  const { devices = {}, areas = {} } = hass;
  const own = devices[id];
  if (!own) return "";
  const ids = printerIds(hass);
  const namesakes = Object.values(devices).filter(
    (device) => device.id !== id && ids.has(device.id) && nameOf(device) === nameOf(own),
  );
  if (!namesakes.length) return "";
  const places = [
    (device: HassDeviceRegistryEntry) => areas[device.area_id ?? ""]?.name ?? "",
    (device: HassDeviceRegistryEntry) => nameOf(devices[device.via_device_id ?? ""]),
  ];
  const place = places.find((where) => where(own) && namesakes.every((other) => where(other) !== where(own)));
  return place?.(own) ?? "";
};

/* Returns all printers sorted by name. If a printer needs a place, the text begins with the place, because a closed
   list on a phone shows only the beginning. */
export const allPrinters = (hass: HomeAssistant): { id: string; name: string }[] => {
  const ids = printerIds(hass);
  return Object.values(hass.devices ?? {})
    .filter((device) => ids.has(device.id))
    .sort((one, other) => nameOf(one).localeCompare(nameOf(other)))
    .map((device) => ({
      id: device.id,
      name: [placeOf(hass, device.id), nameOf(device)].filter(Boolean).join(" · "),
    }));
};
