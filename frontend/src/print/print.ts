/* Loaded with the first file that is chosen. */
import "./print-form";

export { Batch } from "./batch";
