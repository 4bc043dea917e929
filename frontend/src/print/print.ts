/* What is loaded with the first file that is chosen. */
import "../card"; // bundled in one piece
import "./tray";

export { Batch } from "./batch";
