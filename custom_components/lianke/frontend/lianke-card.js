import"./lianke-card-chunk-HHMECKLL.js";
