/* Tells printers of one name apart. */
import { isPrinterEntity } from "./config";
import type { HassDeviceRegistryEntry, HomeAssistant } from "./types";

const nameOf = (device: HassDeviceRegistryEntry | undefined) => device?.name_by_user || device?.name || "";

/* Return the area of a printer or its box, whichever no other printer of the same name has; empty if its name is enough. */
export const placeOf = ({ entities, devices = {}, areas = {} }: HomeAssistant, id: string): string => {
  const own = devices[id];
  if (!own) return "";
  const ids = new Set(
    Object.values(entities)
      .filter(isPrinterEntity)
      .map((entity) => entity.device_id),
  );
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
