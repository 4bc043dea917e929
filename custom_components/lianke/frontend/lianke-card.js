import"./lianke-card-chunk-VMOGZO7I.js";
