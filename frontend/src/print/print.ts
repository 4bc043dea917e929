/* Loaded with the first file that is chosen. */
import "../card"; // keeps modules that parts share in one chunk
import "./tray";

export { Batch } from "./batch";
