import{a}from"./lianke-card-chunk-MARNEWYW.js";import"./lianke-card-chunk-VQTR32T5.js";export{a as FocusKeeper};
