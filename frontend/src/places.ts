/* Tells printers of one name apart. */
import { isPrinterEntity } from "./config";
import type { HassDeviceRegistryEntry, HomeAssistant } from "./types";

/* Return what the user calls a device, else its own name. */
export const nameOf = (device: HassDeviceRegistryEntry | undefined) => device?.name_by_user || device?.name || "";

/* Return the ids of all printers' devices. */
export const printerIds = ({ entities }: HomeAssistant) =>
  new Set(
    Object.values(entities)
      .filter(isPrinterEntity)
      .map((entity) => entity.device_id),
  );

/* Return the area of a printer or its box, whichever no other printer of the same name has; empty if its name is enough. */
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

/* Return every printer of Home Assistant, by name. Its place is first: a list that is closed shows no more on a phone. */
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
