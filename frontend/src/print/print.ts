/* Loaded with the first file that is chosen. */
import "./tray";

export { Batch } from "./batch";
