import"./lianke-card-chunk-PAPT73XW.js";
