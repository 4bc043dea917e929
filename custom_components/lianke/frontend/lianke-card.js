import"./lianke-card-chunk-VWBXVCTH.js";
