/* The printing part of the card. Loaded when the user chooses the first document. */
import "./print-form";

export { Batch } from "./batch";
