/* The part of the card that prints. Loaded when the user chooses a first document. */
import "./print-form";

export { Batch } from "./batch";
