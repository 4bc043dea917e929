import"./lianke-card-chunk-XHJOP3B3.js";
