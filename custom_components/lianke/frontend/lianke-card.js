import"./lianke-card-chunk-AE3ZVJMO.js";
